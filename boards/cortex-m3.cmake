# SPDX-License-Identifier: Apache-2.0
# Toolchain of every Cortex-M board, a Cortex-M3 unless BAIYE_CPU says otherwise: arm-none-eabi-gcc with newlib-nano, of which only mem* and str*
# are used. There is no heap: a call of malloc does not link, since nothing gives _sbrk.
if(NOT BAIYE_CPU)
    set(BAIYE_CPU cortex-m3)
endif()
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_ASM_COMPILER arm-none-eabi-gcc)
set(CMAKE_OBJCOPY arm-none-eabi-objcopy)
set(CMAKE_SIZE arm-none-eabi-size)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)

# -fno-common -ffunction-sections -fdata-sections: the linker drops what nothing refers to.
# -fstack-usage, -fcallgraph-info: tests/bench/firmware.py sums the worst stack from them.
set(CMAKE_C_FLAGS_INIT
    "--specs=nano.specs -mcpu=${BAIYE_CPU} -mthumb -ffreestanding -fno-common -ffunction-sections -fdata-sections -fstack-usage -fcallgraph-info=su")
set(CMAKE_C_FLAGS_MINSIZEREL_INIT "-g3")
set(CMAKE_EXE_LINKER_FLAGS_INIT
    "-nostartfiles -Wl,--gc-sections -Wl,--fatal-warnings")

# SPDX-License-Identifier: Apache-2.0
include(${CMAKE_CURRENT_LIST_DIR}/../cortex-m3/firmware.cmake)
baiye_firmware_image(stm32f103-rs485 SHARED reset.c time.c i2c_bits.c identity.c nv_fram.c main_garden.c)
include(${CMAKE_CURRENT_LIST_DIR}/../cortex-m3/boot.cmake)
baiye_boot_image(stm32f103-rs485 SHARED reset.c time.c OWN clock.c pins.c watchdog.c)

# SPDX-License-Identifier: Apache-2.0
include(${CMAKE_CURRENT_LIST_DIR}/../cortex-m3/firmware.cmake)
baiye_firmware_image(mps2-an385 SHARED reset.c time.c i2c_bits.c nv_fram.c main_meter.c uart_lines.c
                     ../no_gauge.c ../no_inputs.c)
include(${CMAKE_CURRENT_LIST_DIR}/../cortex-m3/boot.cmake)
baiye_boot_image(mps2-an385 SHARED reset.c time.c OWN watchdog.c)

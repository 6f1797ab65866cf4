# SPDX-License-Identifier: Apache-2.0
include(${CMAKE_CURRENT_LIST_DIR}/../cortex-m3/firmware.cmake)
baiye_firmware_image(lm3s6965evb SHARED reset.c time.c main_meter.c uart_lines.c ../no_gauge.c ../no_inputs.c)

# SPDX-License-Identifier: Apache-2.0
include(${CMAKE_CURRENT_LIST_DIR}/../cortex-m3/firmware.cmake)
baiye_firmware_image(mps2-an385 SHARED i2c_bits.c nv_fram.c main_meter.c)

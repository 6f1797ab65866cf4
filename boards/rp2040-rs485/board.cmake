# SPDX-License-Identifier: Apache-2.0
enable_language(ASM)
include(${CMAKE_CURRENT_LIST_DIR}/../cortex-m3/firmware.cmake)
baiye_firmware_image(rp2040-rs485 SHARED i2c_bits.c identity.c nv_fram.c main_garden.c)
include(${CMAKE_CURRENT_LIST_DIR}/../cortex-m3/boot.cmake)
baiye_boot_image(rp2040-rs485 OWN boot/boot2.S clock.c pins.c time.c watchdog.c)
target_compile_definitions(baiye-boot PRIVATE BOOT_CURVE=br_ec_p256_m15 BOOT_ECDSA=br_ecdsa_i15_vrfy_raw)

# SPDX-License-Identifier: Apache-2.0
# baiye_boot_image(board SHARED file… OWN file…): bin/baiye-boot.elf and .bin, the boot
# loader of a board with two slots: its boot/ folder, its flash.c, further files of its own and
# shared ones. And bin/baiye-node-0.bin and -1.bin, the application of baiye_firmware_image() linked
# for each slot by boot/slot-N.ld, for `baiye sign`.
# BearSSL comes from Debian's source package (tools/fetch-bearssl), of which the linker keeps what
# verifying ECDSA P-256 needs. BAIYE_KEYS is the C file with the public keys; the test key that
# everybody has is refused with BAIYE_RELEASE.
set(BAIYE_KEYS ${CMAKE_SOURCE_DIR}/firmware/boot/keys/test.c CACHE FILEPATH "public keys, a C file")
option(BAIYE_RELEASE "a build for boards that leave the house" OFF)
if(BAIYE_RELEASE)
    # Digits alone: it is the key that counts, not the file's name or layout.
    foreach(file ${CMAKE_SOURCE_DIR}/firmware/boot/keys/test.c ${BAIYE_KEYS})
        file(READ ${file} text)
        string(REGEX MATCHALL "0x[0-9A-Fa-f]+" digits "${text}")
        string(REGEX REPLACE "0x|;" "" digits "${digits}")
        string(TOUPPER "${digits}" digits)
        list(APPEND keys "${digits}")
    endforeach()
    list(GET keys 0 test_key)
    list(GET keys 1 keys)
    string(FIND "${keys}" "${test_key}" at)
    if(NOT at EQUAL -1)
        message(FATAL_ERROR "a release needs public keys of its own, and ${BAIYE_KEYS} holds the "
                            "test key, whose private half everybody has: make a key file with "
                            "`baiye keys KEY.pem > FILE.c` and give -DBAIYE_KEYS=FILE.c")
    endif()
endif()

set(bearssl ${CMAKE_SOURCE_DIR}/build/bearssl)
if(NOT EXISTS ${bearssl}/inc/bearssl.h)
    execute_process(COMMAND ${CMAKE_SOURCE_DIR}/tools/fetch-bearssl COMMAND_ERROR_IS_FATAL ANY)
endif()
file(GLOB bearssl_sources ${bearssl}/src/ec/ec_p256_m[13][51].c ${bearssl}/src/ec/ec_secp*r1.c
     ${bearssl}/src/ec/ecdsa_i[13][51]_vrfy_raw.c ${bearssl}/src/ec/ecdsa_i[13][51]_bits.c
     ${bearssl}/src/int/i[13][51]_*.c ${bearssl}/src/int/i32_div32.c ${bearssl}/src/hash/sha2small.c
     ${bearssl}/src/codec/*.c)
add_library(bearssl STATIC ${bearssl_sources})
target_include_directories(bearssl SYSTEM PUBLIC ${bearssl}/inc PRIVATE ${bearssl}/src)
target_compile_options(bearssl PRIVATE -w)

function(baiye_boot_image board)
    cmake_parse_arguments(arg "" "" "SHARED;OWN" ${ARGN})
    set(folder ${CMAKE_SOURCE_DIR}/boards/${board})
    set(common ${CMAKE_SOURCE_DIR}/boards/cortex-m3)
    set(boot ${CMAKE_SOURCE_DIR}/firmware/boot)
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/boot/*.c)
    list(TRANSFORM arg_SHARED PREPEND ${common}/)
    list(TRANSFORM arg_OWN PREPEND ${folder}/)
    add_executable(baiye-boot ${sources} ${folder}/flash.c ${arg_OWN} ${arg_SHARED}
                   ${common}/startup.c ${common}/loader.c ${boot}/choose.c ${boot}/state.c
                   ${boot}/verify.c ${BAIYE_KEYS})
    target_link_libraries(baiye-boot PRIVATE baiye_protocols bearssl)
    target_link_options(baiye-boot PRIVATE -L${common} -L${folder}/boot -T${folder}/boot/memory.ld
                        -Wl,-Map=${CMAKE_BINARY_DIR}/baiye-boot.map)
    set_target_properties(baiye-boot PROPERTIES SUFFIX .elf
                          LINK_DEPENDS "${folder}/boot/memory.ld;${folder}/boot/stack.ld;${common}/common.ld")
    add_custom_command(TARGET baiye-boot POST_BUILD
                       COMMAND ${CMAKE_OBJCOPY} -O binary $<TARGET_FILE:baiye-boot>
                               $<TARGET_FILE_DIR:baiye-boot>/baiye-boot.bin
                       COMMAND ${CMAKE_SIZE} $<TARGET_FILE:baiye-boot>)

    get_target_property(node_sources baiye-node SOURCES)
    list(REMOVE_ITEM node_sources ${common}/no_update.c)
    foreach(slot 0 1)
        set(name baiye-node-${slot})
        add_executable(${name} ${node_sources} ${common}/update.c ${boot}/state.c ${boot}/receive.c
                       ${boot}/service.c ${boot}/node_update.c)
        target_link_libraries(${name} PRIVATE baiye_firmware)
        target_link_options(${name} PRIVATE -L${common} -L${folder}/boot -T${folder}/boot/slot-${slot}.ld)
        set_target_properties(${name} PROPERTIES SUFFIX .elf
                              LINK_DEPENDS "${folder}/boot/slot-${slot}.ld;${folder}/boot/stack.ld;${common}/common.ld")
        add_custom_command(TARGET ${name} POST_BUILD
                           COMMAND ${CMAKE_OBJCOPY} -O binary $<TARGET_FILE:${name}>
                                   $<TARGET_FILE_DIR:${name}>/${name}.bin)
    endforeach()
endfunction()

# SPDX-License-Identifier: Apache-2.0
# baiye_firmware_image(board [SHARED file…]): bin/baiye-node.elf and .bin from the board's folder,
# what every Cortex-M3 board shares, those of the further shared files (boards/cortex-m3/) that this
# one asks for, the node application and the drivers.
function(baiye_firmware_image board)
    cmake_parse_arguments(arg "" "" "SHARED" ${ARGN})
    set(folder ${CMAKE_SOURCE_DIR}/boards/${board})
    set(common ${CMAKE_SOURCE_DIR}/boards/cortex-m3)
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.c)
    list(TRANSFORM arg_SHARED PREPEND ${common}/)
    add_executable(baiye-node ${sources} ${common}/startup.c ${common}/begin.c ${common}/life.c ${common}/no_update.c
                   ${arg_SHARED})
    target_link_libraries(baiye-node PRIVATE baiye_firmware)
    target_link_options(baiye-node PRIVATE -L${common} -T${folder}/memory.ld
                        -Wl,-Map=${CMAKE_BINARY_DIR}/baiye-node.map)
    set_target_properties(baiye-node PROPERTIES SUFFIX .elf
                          LINK_DEPENDS "${folder}/memory.ld;${common}/common.ld")
    add_custom_command(TARGET baiye-node POST_BUILD
                       COMMAND ${CMAKE_OBJCOPY} -O binary $<TARGET_FILE:baiye-node>
                               $<TARGET_FILE_DIR:baiye-node>/baiye-node.bin
                       COMMAND ${CMAKE_SIZE} $<TARGET_FILE:baiye-node>)
endfunction()

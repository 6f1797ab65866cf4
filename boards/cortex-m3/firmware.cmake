# SPDX-License-Identifier: Apache-2.0
# baiye_firmware_image(board): bin/baiye-node.elf and .bin from the board's folder, the common
# Cortex-M3 sources, the node application and the drivers.
function(baiye_firmware_image board)
    set(folder ${CMAKE_SOURCE_DIR}/boards/${board})
    set(common ${CMAKE_SOURCE_DIR}/boards/cortex-m3)
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.c ${common}/*.c)
    add_executable(baiye-node ${sources})
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

# SPDX-License-Identifier: Apache-2.0
# The node as a Linux process, for the simulated garden and for tests.
add_executable(baiye-node native/main.c native/hal_native.c native/pace.c native/slots.c native/wire.c
               no_inputs.c
               ${CMAKE_SOURCE_DIR}/firmware/boot/keys/test.c)
target_compile_definitions(baiye-node PRIVATE _GNU_SOURCE)
target_link_libraries(baiye-node PRIVATE baiye_firmware baiye_boot)

# The image that it is delivered with: bin/baiye-node.img. What it carries is not run, see slots.h;
# a source of some kilobytes stands for it.
set(native_program ${CMAKE_CURRENT_SOURCE_DIR}/native/hal_native.c)
set(native_image ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/baiye-node.img)
add_custom_command(
    OUTPUT ${native_image}
    COMMAND baiye sign --key ${CMAKE_SOURCE_DIR}/firmware/boot/keys/test.pem --hardware 0x4E410001
            --version ${PROJECT_VERSION} --counter 1 --slot-0 ${native_program}@0x08000000
            --slot-1 ${native_program}@0x08040000 -o ${native_image}
    DEPENDS baiye ${native_program} ${CMAKE_SOURCE_DIR}/firmware/boot/keys/test.pem
    VERBATIM)
add_custom_target(baiye-node-image ALL DEPENDS ${native_image})

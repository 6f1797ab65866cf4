# SPDX-License-Identifier: Apache-2.0
# The node as a Linux process, for the simulated garden and for tests.
add_executable(baiye-node native/main.c native/hal_native.c native/wire.c)
target_compile_definitions(baiye-node PRIVATE _GNU_SOURCE)
target_link_libraries(baiye-node PRIVATE baiye_firmware)

# SPDX-License-Identifier: Apache-2.0
# Run by cpack: what it has made, made anew by dpkg.
foreach(package IN LISTS CPACK_PACKAGE_FILES)
    execute_process(COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/debian/finish ${package}
                    COMMAND_ERROR_IS_FATAL ANY)
endforeach()

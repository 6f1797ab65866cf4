# SPDX-License-Identifier: Apache-2.0
set(BAIYE_CPU cortex-m0plus)
include(${CMAKE_CURRENT_LIST_DIR}/cortex-m3.cmake)

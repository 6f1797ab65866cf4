# SPDX-License-Identifier: Apache-2.0
# Toolchain for another architecture of Debian, with its cross compiler and multiarch libraries:
# cmake --preset package --toolchain tools/debian-cross.cmake -DBAIYE_DEBIAN_ARCH=arm64
# What is built can run here under qemu-user: unit tests, and the generators of documents.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES BAIYE_DEBIAN_ARCH)
set(BAIYE_DEBIAN_ARCH "" CACHE STRING "as dpkg calls it: arm64, armhf, s390x")
if(BAIYE_DEBIAN_ARCH STREQUAL "arm64")
    set(CMAKE_SYSTEM_PROCESSOR aarch64)
    set(triplet aarch64-linux-gnu)
elseif(BAIYE_DEBIAN_ARCH STREQUAL "armhf")
    set(CMAKE_SYSTEM_PROCESSOR arm)
    set(triplet arm-linux-gnueabihf)
elseif(BAIYE_DEBIAN_ARCH STREQUAL "s390x")
    set(CMAKE_SYSTEM_PROCESSOR s390x)
    set(triplet s390x-linux-gnu)
else()
    message(FATAL_ERROR "BAIYE_DEBIAN_ARCH is \"${BAIYE_DEBIAN_ARCH}\"; known: arm64, armhf, s390x")
endif()
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${triplet}-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE ${triplet})
# No .pc file of the machine that builds: its libraries are for another processor.
set(ENV{PKG_CONFIG_LIBDIR} "/usr/lib/${triplet}/pkgconfig:/usr/share/pkgconfig")
find_program(BAIYE_EMULATOR NAMES qemu-${CMAKE_SYSTEM_PROCESSOR}-static qemu-${CMAKE_SYSTEM_PROCESSOR})
if(BAIYE_EMULATOR)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${BAIYE_EMULATOR})
endif()

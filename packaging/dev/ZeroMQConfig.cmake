# find_package (ZeroMQ): targets and variables with libzmq's names. The folder may be moved.
#
#   libzmq, libzmq-static        imported targets
#   ZeroMQ_INCLUDE_DIR           folder of zmq.h
#   ZeroMQ_LIBRARY               the shared library
#   ZeroMQ_STATIC_LIBRARY        the static library

get_filename_component (_ringmq_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

set (ZeroMQ_INCLUDE_DIR "${_ringmq_prefix}/include")

if (NOT TARGET libzmq)
    add_library (libzmq SHARED IMPORTED)
    set_target_properties (libzmq PROPERTIES
        IMPORTED_LOCATION "${_ringmq_prefix}/lib/libzmq.so.5"
        IMPORTED_SONAME "libzmq.so.5"
        INTERFACE_INCLUDE_DIRECTORIES "${ZeroMQ_INCLUDE_DIR}")
endif ()

if (NOT TARGET libzmq-static)
    add_library (libzmq-static STATIC IMPORTED)
    set_target_properties (libzmq-static PROPERTIES
        IMPORTED_LOCATION "${_ringmq_prefix}/lib/libzmq.a"
        INTERFACE_INCLUDE_DIRECTORIES "${ZeroMQ_INCLUDE_DIR}"
        INTERFACE_COMPILE_DEFINITIONS "ZMQ_STATIC"
        INTERFACE_LINK_LIBRARIES "gcc_s;util;rt;pthread;m;dl;c")
endif ()

set (ZeroMQ_LIBRARY libzmq)
set (ZeroMQ_STATIC_LIBRARY libzmq-static)
set (ZeroMQ_FOUND TRUE)
unset (_ringmq_prefix)

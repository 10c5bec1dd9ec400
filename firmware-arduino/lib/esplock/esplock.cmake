# The core as a static library; included by the host and the tests.
set(ESPLOCK_WARNINGS -Wall -Wextra -Werror -Wconversion)

find_path(MBEDTLS_INCLUDE_DIR psa/crypto.h)
find_library(MBEDCRYPTO_LIBRARY mbedcrypto)
if(NOT MBEDTLS_INCLUDE_DIR OR NOT MBEDCRYPTO_LIBRARY)
  message(FATAL_ERROR "mbedTLS is missing. On Debian or Ubuntu: apt-get install libmbedtls-dev")
endif()

file(GLOB_RECURSE ESPLOCK_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/src/*.cpp)
add_library(esplock STATIC ${ESPLOCK_SOURCES})
target_compile_options(esplock PRIVATE ${ESPLOCK_WARNINGS} -fno-exceptions -fno-rtti)
target_include_directories(esplock PUBLIC ${CMAKE_CURRENT_LIST_DIR}/src)
target_include_directories(esplock SYSTEM PUBLIC ${MBEDTLS_INCLUDE_DIR})
target_link_libraries(esplock PUBLIC ${MBEDCRYPTO_LIBRARY})

# Images that go wrong, each the whole virtual door and one fault, for the tests of the rollback. Not part of `all`.
foreach(fault crashes hangs unreachable)
  add_executable(image-${fault} EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/${fault}.cpp $<TARGET_OBJECTS:esplock-door-objects>)
  target_compile_options(image-${fault} PRIVATE ${ESPLOCK_WARNINGS})
  target_link_libraries(image-${fault} PRIVATE esplock ${LWS_LIBRARY} Threads::Threads)
endforeach()
add_custom_target(bad-images DEPENDS image-crashes image-hangs image-unreachable)

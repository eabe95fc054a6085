# `cmake --install`: the extension and its twin for users of sqlite-vec, the command with its manual
# page and completions, the static library with its headers, the shared library of the C interface,
# and the descriptions consumers look for (nearlite-config.cmake, nearlite.pc, nearlite_c.pc).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/nearlite)
install(TARGETS nearlite_module nearlite_vec0 LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS nearlite_static EXPORT nearlite-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET nearlite_c)
  install(TARGETS nearlite_c EXPORT nearlite-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
if(TARGET nearlite_cli)
  install(TARGETS nearlite_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${PROJECT_BINARY_DIR}/nearlite.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  # Where each shell looks by itself.
  install(FILES ${PROJECT_BINARY_DIR}/nearlite.bash RENAME nearlite
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${PROJECT_BINARY_DIR}/_nearlite
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${PROJECT_BINARY_DIR}/nearlite.fish
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
install(EXPORT nearlite-targets NAMESPACE nearlite:: DESTINATION ${package_dir})

configure_package_config_file(cmake/nearlite-config.cmake.in nearlite-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(nearlite-config-version.cmake COMPATIBILITY SameMinorVersion)
# ${pcfiledir} in the template is pkg-config's own: it stays right after `cmake --install --prefix`.
file(RELATIVE_PATH pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/nearlite.pc.in nearlite.pc @ONLY)
configure_file(cmake/nearlite_c.pc.in nearlite_c.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/nearlite-config.cmake
  ${PROJECT_BINARY_DIR}/nearlite-config-version.cmake DESTINATION ${package_dir})
install(FILES ${PROJECT_BINARY_DIR}/nearlite.pc ${PROJECT_BINARY_DIR}/nearlite_c.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

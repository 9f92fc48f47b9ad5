# What is installed, and the Debian package of it: cpack -G DEB in the build folder.
include(GNUInstallDirs)

install(TARGETS millrace RUNTIME)

# Manual pages and completion come from the program itself.
if(NOT CMAKE_CROSSCOMPILING)
  set(made ${CMAKE_BINARY_DIR}/manual)
  file(MAKE_DIRECTORY ${made})
  add_custom_command(
    OUTPUT ${made}/millrace.1.gz ${made}/millrace.json.5.gz ${made}/millrace ${made}/_millrace
    COMMAND millrace manual 1 > ${made}/millrace.1
    COMMAND millrace manual 5 > ${made}/millrace.json.5
    COMMAND gzip -9nf ${made}/millrace.1 ${made}/millrace.json.5
    COMMAND millrace completion bash > ${made}/millrace
    COMMAND millrace completion zsh > ${made}/_millrace
    DEPENDS millrace VERBATIM)
  add_custom_target(manual ALL DEPENDS ${made}/millrace.1.gz)
  install(FILES ${made}/millrace.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${made}/millrace.json.5.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
  install(FILES ${made}/millrace DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${made}/_millrace DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
endif()
install(FILES deploy/systemd/millrace.service DESTINATION lib/systemd/system)
install(FILES deploy/millrace.example.json deploy/prometheus/millrace-alerts.yaml deploy/grafana/millrace.json
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES deploy/debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
configure_file(deploy/debian/changelog.in ${CMAKE_BINARY_DIR}/changelog.Debian @ONLY)
foreach(pair "${CMAKE_SOURCE_DIR}/CHANGELOG.md:changelog.gz" "${CMAKE_BINARY_DIR}/changelog.Debian:changelog.Debian.gz")
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 from)
  list(GET pair 1 to)
  install(CODE "execute_process(COMMAND gzip -9nc ${from}
          OUTPUT_FILE \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DOCDIR}/${to} COMMAND_ERROR_IS_FATAL ANY)")
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_NAME millrace)
set(CPACK_PACKAGE_CONTACT "The Millrace maintainers <millrace@localhost.localdomain>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Kafka-to-MySQL stream-processing worker")
set(CPACK_PACKAGE_DESCRIPTION "Writes JSON events from Kafka topics as rows to one or several MySQL or MariaDB
shards, each event exactly once by its identity.  A shard in trouble is
parked and replayed later, the others go on; what cannot become a row goes
to a dead-letter topic with its reason.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
include(CPack)

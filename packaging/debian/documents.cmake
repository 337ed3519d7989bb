# Adds to each Debian package, before cpack closes it, its copyright and changelogs and, where help2man is installed,
# the tool's manual pages.
cmake_minimum_required(VERSION 3.21)

function(run)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(READ ${CPACK_HYPERTAPE_SOURCE_DIR}/CHANGELOG.md changes)
string(REPLACE "." "\\." version "${CPACK_PACKAGE_VERSION}")
if(NOT changes MATCHES "\n## \\[${version}\\] - ([0-9-]+)\n")
  message(FATAL_ERROR "CHANGELOG.md has no version ${CPACK_PACKAGE_VERSION}")
endif()
run(date --utc --rfc-email --date=${CMAKE_MATCH_1})
set(date "${output}")
file(READ ${CPACK_HYPERTAPE_SOURCE_DIR}/LICENSE license)
string(REGEX MATCH "Copyright \\(c\\) ([^\n]+)\n\n(.*)" matched "${license}")
set(holder "${CMAKE_MATCH_1}")
string(STRIP "${CMAKE_MATCH_2}" license)
string(REPLACE "\n\n" "\n.\n" license "${license}")
string(REPLACE "\n" "\n " license "${license}")

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(share ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component}${CPACK_PACKAGING_INSTALL_PREFIX}/share)
  set(folder ${share}/doc/${package})
  file(WRITE ${folder}/copyright
       "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: hypertape\n\n"
       "Files: *\nCopyright: ${holder}\nLicense: Expat\n ${license}\n")
  file(WRITE ${folder}/changelog "${changes}")
  file(WRITE ${folder}/changelog.Debian
       "${package} (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n"
       "  * Version ${CPACK_PACKAGE_VERSION}: changelog.gz says what is new.\n\n"
       " -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  set(compressed ${folder}/changelog ${folder}/changelog.Debian)

  find_program(help2man help2man)
  if(component STREQUAL "hypertape-tool" AND help2man)
    set(tool ${share}/../bin/hypertape)
    run(${tool} --help)
    string(REGEX MATCHALL "\n  [a-z]+  " commands "${output}")
    file(MAKE_DIRECTORY ${share}/man/man1)
    foreach(command "" ${commands})
      string(STRIP "${command}" command)
      string(JOIN "-" page hypertape ${command})
      run(${help2man} --no-info --name "dataset distillation" --version-string ${CPACK_PACKAGE_VERSION}
          --output ${share}/man/man1/${page}.1 "${tool} ${command}")
      run(sed -i "s/^hypertape ${command} /${page} /" ${share}/man/man1/${page}.1)  # a name is one word
      list(APPEND compressed ${share}/man/man1/${page}.1)
    endforeach()
  endif()
  run(gzip -9n ${compressed})
endforeach()

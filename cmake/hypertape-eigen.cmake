# Eigen, looked for alike by hypertape's own build and by the installed package: hypertape_eigen_missing says what is
# wrong, if anything. A project that brings Eigen itself has the target already. No version is asked of find_package:
# the version files of Eigen 5 refuse whoever asks for 3.4.
set(hypertape_eigen_missing)
if(NOT TARGET Eigen3::Eigen)
  find_package(Eigen3 QUIET CONFIG)
  if(NOT Eigen3_FOUND)
    set(hypertape_eigen_missing "needs Eigen3, 3.4 or later, not found here (Debian: libeigen3-dev)")
  elseif(Eigen3_VERSION VERSION_LESS 3.4)
    set(hypertape_eigen_missing "needs Eigen3, 3.4 or later, found ${Eigen3_VERSION} in ${Eigen3_DIR}")
  endif()
endif()

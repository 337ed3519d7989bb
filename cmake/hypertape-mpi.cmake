# MPI, looked for alike by hypertape's own build and by the installed package; of it the C interface alone.
set(MPI_CXX_SKIP_MPICXX ON)
find_package(MPI QUIET COMPONENTS CXX)

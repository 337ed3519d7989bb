// Has nothing but the header, precompiled for all programs that share it (own_program.cmake).

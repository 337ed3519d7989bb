c++ -std=c++20 -I third_party/hypertape/include -I /usr/include/eigen3 program.cpp -o program

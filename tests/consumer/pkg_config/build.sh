c++ -std=c++20 program.cpp -o program $(pkg-config --cflags --libs hypertape)

#include <every_header.hpp>

int second();

int main() { return second() - 2; }

#include <every_header.hpp>

int second();
int second() { return 2; }

#include <limn/limn.hpp>

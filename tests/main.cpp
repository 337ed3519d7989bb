// Both: where doctest.h is precompiled, its declarations are there already, and with them goes what the second is for.
#define DOCTEST_CONFIG_IMPLEMENT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

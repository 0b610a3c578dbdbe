#pragma once
// The procedural world: scenes from seeds, their pictures, their captions, and questions about them.

#include "captions.hpp"
#include "picture.hpp"
#include "questions.hpp"
#include "world.hpp"

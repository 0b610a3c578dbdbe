// Porter's stemmer on the examples of its paper.

#include <utility>

#include <doctest/doctest.h>

#include <limn/text/porter_stemmer.hpp>

using limn::text::porter_stem;

TEST_CASE("porter_stem: gives the stems of the paper's examples after all steps") {
  const std::pair<const char*, const char*> examples[] = {{"caresses", "caress"},
                                                          {"ponies", "poni"},
                                                          {"ties", "ti"},
                                                          {"caress", "caress"},
                                                          {"cats", "cat"},
                                                          {"feed", "feed"},
                                                          {"agreed", "agre"},
                                                          {"plastered", "plaster"},
                                                          {"bled", "bled"},
                                                          {"motoring", "motor"},
                                                          {"sing", "sing"},
                                                          {"conflated", "conflat"},
                                                          {"troubled", "troubl"},
                                                          {"sized", "size"},
                                                          {"hopping", "hop"},
                                                          {"tanned", "tan"},
                                                          {"falling", "fall"},
                                                          {"hissing", "hiss"},
                                                          {"fizzed", "fizz"},
                                                          {"failing", "fail"},
                                                          {"filing", "file"},
                                                          {"happy", "happi"},
                                                          {"sky", "sky"},
                                                          {"relational", "relat"},
                                                          {"conditional", "condit"},
                                                          {"rational", "ration"},
                                                          {"valenci", "valenc"},
                                                          {"hesitanci", "hesit"},
                                                          {"digitizer", "digit"},
                                                          {"conformabli", "conform"},
                                                          {"radicalli", "radic"},
                                                          {"differentli", "differ"},
                                                          {"vileli", "vile"},
                                                          {"analogousli", "analog"},
                                                          {"vietnamization", "vietnam"},
                                                          {"predication", "predic"},
                                                          {"operator", "oper"},
                                                          {"feudalism", "feudal"},
                                                          {"decisiveness", "decis"},
                                                          {"hopefulness", "hope"},
                                                          {"callousness", "callous"},
                                                          {"formaliti", "formal"},
                                                          {"sensitiviti", "sensit"},
                                                          {"sensibiliti", "sensibl"},
                                                          {"triplicate", "triplic"},
                                                          {"formative", "form"},
                                                          {"formalize", "formal"},
                                                          {"electriciti", "electr"},
                                                          {"electrical", "electr"},
                                                          {"hopeful", "hope"},
                                                          {"goodness", "good"},
                                                          {"revival", "reviv"},
                                                          {"allowance", "allow"},
                                                          {"inference", "infer"},
                                                          {"airliner", "airlin"},
                                                          {"gyroscopic", "gyroscop"},
                                                          {"adjustable", "adjust"},
                                                          {"defensible", "defens"},
                                                          {"irritant", "irrit"},
                                                          {"replacement", "replac"},
                                                          {"adjustment", "adjust"},
                                                          {"dependent", "depend"},
                                                          {"adoption", "adopt"},
                                                          {"homologou", "homolog"},
                                                          {"communism", "commun"},
                                                          {"activate", "activ"},
                                                          {"angulariti", "angular"},
                                                          {"homologous", "homolog"},
                                                          {"effective", "effect"},
                                                          {"bowdlerize", "bowdler"},
                                                          {"probate", "probat"},
                                                          {"rate", "rate"},
                                                          {"cease", "ceas"},
                                                          {"controll", "control"},
                                                          {"roll", "roll"},
                                                          {"generalizations", "gener"},
                                                          {"oscillators", "oscil"}};
  for (const auto& example : examples) CHECK_MESSAGE(porter_stem(example.first) == example.second, example.first);
}

TEST_CASE("porter_stem: words of a caption share the stem of their kin, short ones stay") {
  CHECK(porter_stem("running") == porter_stem("runs"));
  CHECK(porter_stem("dogs") == "dog");
  CHECK(porter_stem("is") == "is");
  CHECK(porter_stem("a") == "a");
  CHECK(porter_stem("") == "");
  CHECK(porter_stem("yyy") == porter_stem("yyy"));
  CHECK(porter_stem("ing") == "ing");
}

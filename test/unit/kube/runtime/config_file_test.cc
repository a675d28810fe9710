#include "kube/runtime/config_file.h"

#include <catch2/catch.hpp>
#include <string>

using stowage::Code;
using stowage::Millis;
using stowage::kube::ConfigFile;
using stowage::kube::ConfigSection;

namespace {

const std::string kHead = "apiVersion: config.stowage.dev/v1alpha1\nkind: OperatorConfig\n";

std::string parse_error(const std::string& text) {
  const auto file = ConfigFile::parse(text, "c.yaml", "OperatorConfig");
  REQUIRE_FALSE(file);
  CHECK(file.error().code == Code::kInvalidArgument);
  return file.error().message;
}

/// Reads every kind of value from the rest of a file; the error text, or "".
std::string read_error(const std::string& rest) {
  auto file = ConfigFile::parse(kHead + rest, "c.yaml", "OperatorConfig");
  REQUIRE(file);
  ConfigSection root = file->root();
  bool flag = false;
  int64_t workers = 0;
  double ratio = 0;
  std::string word;
  Millis period{0};
  std::vector<std::string> names;
  root.read("flag", flag);
  root.read("workers", workers, 1, 100);
  root.read("ratio", ratio, 0, 1);
  root.read("word", word, {"json", "text"});
  root.read("period", period, Millis{100});
  root.read("names", names);
  int64_t port = 0;
  root.section("serving").read("port", port);
  const auto result = file->finish();
  return result ? "" : result.error().message;
}

}  // namespace

TEST_CASE("config: values of every kind are read, absent keys keep their defaults") {
  auto file = ConfigFile::parse(kHead +
                                    "flag: true\nworkers: 4\nratio: 0.5\nword: json\nperiod: 1m30s\n"
                                    "names: [a, b]\nserving:\n  port: 8080\npools:\n- name: x\n- name: y\n",
                                "c.yaml", "OperatorConfig");
  REQUIRE(file);
  ConfigSection root = file->root();
  bool flag = false, absent = true;
  int64_t workers = 0, port = 0;
  double ratio = 0;
  std::string word;
  Millis period{0};
  std::vector<std::string> names, pools;
  root.read("flag", flag);
  root.read("absent", absent);
  root.read("workers", workers);
  root.read("ratio", ratio);
  root.read("word", word);
  root.read("period", period);
  root.read("names", names);
  root.section("serving").read("port", port);
  for (ConfigSection pool : root.list("pools"))
    pool.read("name", pools.emplace_back());
  CHECK(file->finish());
  CHECK(flag);
  CHECK(absent);
  CHECK(workers == 4);
  CHECK(ratio == 0.5);
  CHECK(word == "json");
  CHECK(period == Millis{90'000});
  CHECK(names == std::vector<std::string>{"a", "b"});
  CHECK(port == 8080);
  CHECK(pools == std::vector<std::string>{"x", "y"});
}

TEST_CASE("config: an unknown key is refused with its place and the nearest known key") {
  CHECK(read_error("wrokers: 4\n") == "c.yaml:3:1: unknown key \"wrokers\"; did you mean \"workers\"?");
  CHECK(read_error("serving:\n  prot: 1\n") ==
        "c.yaml:4:3: unknown key \"serving.prot\"; did you mean \"port\"?");
  CHECK(read_error("somethingElse: 1\n").find("known here: ") != std::string::npos);
}

TEST_CASE("config: all mistakes are told at once, in the order of the file") {
  CHECK(read_error("period: soon\nflag: maybe\nworkers: 500\n") ==
        "c.yaml:3:9: period must be a duration such as 15s, 500ms or 1m30s, not soon\n"
        "c.yaml:4:7: flag must be true or false, not maybe\n"
        "c.yaml:5:10: workers must be between 1 and 100, not 500");
}

TEST_CASE("config: wrong types are refused with what was expected and what is there") {
  CHECK(read_error("workers: many\n") == "c.yaml:3:10: workers must be a whole number, not many");
  CHECK(read_error("workers: \"4\"\n") == "c.yaml:3:10: workers must be a whole number, not the text \"4\"");
  CHECK(read_error("workers: 99999999999999999999\n").find("a whole number") != std::string::npos);
  CHECK(read_error("ratio: .nan\n") == "c.yaml:3:8: ratio must be a number, not .nan");
  CHECK(read_error("word: yaml\n") == "c.yaml:3:7: word must be one of json, text, not yaml");
  CHECK(read_error("word: 5\n") ==
        "c.yaml:3:7: word must be a text (put it in quotes if it is meant), not 5");
  CHECK(read_error("names: a\n") == "c.yaml:3:8: names must be a list of texts, not a");
  CHECK(read_error("serving: [1]\n") == "c.yaml:3:10: serving must be a mapping, not a list");
  CHECK(read_error("period: 10ms\n") == "c.yaml:3:9: period must be at least 100 ms, not 10ms");
  CHECK(read_error("period: -5s\n").find("must be a duration") != std::string::npos);
}

TEST_CASE("config: a key that comes twice, an alias, a tag and a second document are refused") {
  CHECK(parse_error(kHead + "a: 1\na: 2\n") ==
        "c.yaml:4:1: the key \"a\" comes twice, first in line 3; remove one");
  CHECK(parse_error(kHead + "a: &x 1\nb: *x\n").find("c.yaml:3:") == 0);
  CHECK(parse_error(kHead + "a: !!str 1\n").find("tags") != std::string::npos);
  CHECK(parse_error(kHead + "---\na: 1\n").find("second document") != std::string::npos);
}

TEST_CASE("config: bytes that are not YAML, and nesting without end, are an error and not a crash") {
  CHECK(parse_error("a: [1,\nb").find("not valid YAML") != std::string::npos);
  CHECK(parse_error("\t\x01\x02").find("c.yaml:") == 0);
  CHECK(parse_error(std::string(10'000, '[')).find("32 levels") != std::string::npos);
  CHECK(parse_error("just words").find("must be a mapping") != std::string::npos);
}

TEST_CASE("config: another version or kind is refused, an empty file is all defaults") {
  CHECK(parse_error("apiVersion: config.stowage.dev/v9\nkind: OperatorConfig\n") ==
        "c.yaml:1:13: apiVersion must be config.stowage.dev/v1alpha1, not config.stowage.dev/v9");
  CHECK(parse_error("apiVersion: config.stowage.dev/v1alpha1\nkind: SchedulerConfig\n") ==
        "c.yaml:2:7: kind must be OperatorConfig, not SchedulerConfig");
  CHECK(parse_error("workers: 1\n") == "c.yaml:1:1: apiVersion must be config.stowage.dev/v1alpha1");
  const auto empty = ConfigFile::parse("# nothing\n", "c.yaml", "OperatorConfig");
  REQUIRE(empty);
  CHECK(empty->finish());
}

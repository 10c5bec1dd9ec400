#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <random>
#include <set>
#include <string>

#include "json/reader.h"
#include "json/writer.h"

using namespace esplock;

namespace {

Status parse(const std::string& text) {
  json::Document document;
  return document.parse(text);
}

bool nlohmannHasDuplicates(const std::string& text) {
  bool duplicate = false;
  std::vector<std::set<std::string>> names;
  nlohmann::json::parser_callback_t watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::object_start) names.emplace_back();
    if (event == nlohmann::json::parse_event_t::key) {
      duplicate = !names.back().insert(parsed.get<std::string>()).second || duplicate;
    }
    if (event == nlohmann::json::parse_event_t::object_end) names.pop_back();
    return true;
  };
  const auto result = nlohmann::json::parse(text, watch, false);
  (void)result;
  return duplicate;
}

/// Our reader's view of a value, as nlohmann's, through the public accessors.
nlohmann::json convert(json::Value value, const nlohmann::json& like) {
  switch (value.type()) {
    case json::Type::null: return nullptr;
    case json::Type::boolean: {
      bool flag = false;
      value.boolean(flag);
      return flag;
    }
    case json::Type::number: {
      std::int64_t number = 0;
      return value.integer(number) ? nlohmann::json(number) : like;
    }
    case json::Type::string: {
      std::string text(value.raw().size() + 4, '\0');
      std::size_t length = 0;
      value.text(text.data(), text.size(), length);
      text.resize(length);
      return text;
    }
    case json::Type::array: {
      nlohmann::json out = nlohmann::json::array();
      std::size_t i = 0;
      for (json::Value child = value.first(); child.exists(); child = child.next()) {
        out.push_back(convert(child, i < like.size() ? like[i] : nlohmann::json()));
        ++i;
      }
      return out;
    }
    case json::Type::object: {
      nlohmann::json out = nlohmann::json::object();
      for (const auto& [name, member] : like.items()) {
        if (value[name].exists()) out[name] = convert(value[name], member);
      }
      return out;
    }
    case json::Type::missing: break;
  }
  return nullptr;
}

std::string randomJson(std::mt19937& random, int depth) {
  const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  static const char* const strings[] = {"\"\"", "\"a\"", "\"\\u0061\"", "\"\\ud83d\\ude00\"", "\"\xC3\xA4\"", "\"\\n\\\"\"",
                                        "\"b\"", "\"\\u0000\"", "\"\xF0\x9F\x98\x80\"", "\"\\/\""};
  static const char* const numbers[] = {"0", "-0", "1", "-17", "9223372036854775807", "-9223372036854775808", "1.5",
                                        "1e3", "0.25E-2", "123456789012345678901"};
  switch (depth > 5 ? pick(4) : pick(6)) {
    case 0: return "null";
    case 1: return pick(2) == 0 ? "true" : "false";
    case 2: return numbers[pick(10)];
    case 3: return strings[pick(10)];
    case 4: {
      std::string text = "[";
      for (unsigned i = pick(4); i > 0; --i) text += randomJson(random, depth + 1) + (i > 1 ? ", " : "");
      return text + "]";
    }
    default: {
      std::string text = "{";
      for (unsigned i = pick(4); i > 0; --i) {
        text += std::string(strings[pick(10)]) + ":" + randomJson(random, depth + 1) + (i > 1 ? "," : "");
      }
      return text + "}";
    }
  }
}

std::string mutated(std::string text, std::mt19937& random) {
  static const char bytes[] = "{}[]\",:\\u0d8e1-+.tfn \n\x80\xC3\xE0\xED\xF0\xFF\x01";
  for (auto i = random() % 3; i > 0 && !text.empty(); --i) {
    const std::size_t at = random() % text.size();
    const char byte = bytes[random() % (sizeof bytes - 1)];
    switch (random() % 3) {
      case 0: text[at] = byte; break;
      case 1: text.insert(at, 1, byte); break;
      default: text.erase(at, 1); break;
    }
  }
  return text;
}

}  // namespace

TEST_CASE("the reader takes what RFC 8259 allows") {
  for (const char* text : {"0", " true ", "\"\"", "[]", "{}", "[[[[[[[[]]]]]]]]", R"({"a":{"b":[1,2,{"c":null}]}})",
                           R"("\u00e4\ud83d\ude00")", "-0.5e+10", "\t[1 , 2]\r\n"}) {
    CAPTURE(text);
    CHECK(parse(text) == Status::ok);
  }
}

TEST_CASE("the reader refuses what two programs could read in two ways") {
  for (const char* text : {"", " ", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "{\"x\":{\"a\":1,\"b\":2,\"a\":3}}",
                           "1 2", "{}x", "[1,]", "{\"a\":1,}", "01", "1.", ".5", "+1", "1e", "-", "0x10", "NaN", "'a'",
                           "\"\\x\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\n\"", "\"\t\"", "\"",
                           "\xEF\xBB\xBF{}", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xE2\x82\"",
                           "\"\x80\"", "tru", "nul", "[1 2]", "{\"a\" 1}", "{a:1}", "//x\n1", "[", "{\"a\":", "]"}) {
    CAPTURE(text);
    CHECK(parse(text) == Status::malformed);
  }
  CHECK(parse(std::string("1\0", 2)) == Status::malformed);
}

TEST_CASE("the reader stays within its levels and tokens") {
  CHECK(parse(std::string(8, '[') + std::string(8, ']')) == Status::ok);
  CHECK(parse(std::string(9, '[') + std::string(9, ']')) == Status::too_big);
  CHECK(parse(std::string(100'000, '[')) == Status::too_big);
  std::string wide = "[0";
  for (std::size_t i = 1; i < json::Document::maxTokens; ++i) wide += ",0";
  CHECK(parse(wide + "]") == Status::too_big);
}

TEST_CASE("values are reached by name, in order and exactly") {
  json::Document document;
  REQUIRE(document.parse(R"({"n":-42,"big":9007199254740993,"f":1.0,"s":"a\u00e4\n","l":[1,[2],{"x":3}],"t":true})") ==
          Status::ok);
  const json::Value root = document.root();
  std::int64_t number = 0;
  CHECK(root["n"].integer(number));
  CHECK(number == -42);
  CHECK(root["big"].integer(number));
  CHECK(number == 9007199254740993);
  CHECK_FALSE(root["f"].integer(number));
  CHECK(root["s"].equals("a\xC3\xA4\n"));
  CHECK_FALSE(root["s"].equals("a\xC3\xA4"));
  CHECK(root["l"].size() == 3);
  CHECK(root["l"].first().next().first().integer(number));
  CHECK(number == 2);
  CHECK(root["l"].first().next().next()["x"].integer(number));
  CHECK(number == 3);
  CHECK_FALSE(root["l"].first().next().next().next().exists());
  CHECK_FALSE(root["none"].exists());
  CHECK_FALSE(root["n"]["deeper"].exists());
  char text[4];
  CHECK(root["s"].cString(text, sizeof text) == Status::too_big);
  REQUIRE(document.parse("\"a\\u0000b\"") == Status::ok);
  CHECK(document.root().cString(text, sizeof text) == Status::malformed);
}

TEST_CASE("integers end where int64 ends") {
  json::Document document;
  std::int64_t number = 0;
  REQUIRE(document.parse("[9223372036854775807,-9223372036854775808,9223372036854775808,-9223372036854775809]") ==
          Status::ok);
  json::Value value = document.root().first();
  CHECK(value.integer(number));
  CHECK(number == INT64_MAX);
  value = value.next();
  CHECK(value.integer(number));
  CHECK(number == INT64_MIN);
  value = value.next();
  CHECK_FALSE(value.integer(number));
  CHECK_FALSE(value.next().integer(number));
}

TEST_CASE("the reader agrees with nlohmann on 60,000 random and damaged texts") {
  std::mt19937 random(20261121);
  int accepted = 0;
  for (int i = 0; i < 60'000; ++i) {
    const std::string text = mutated(randomJson(random, 0), random);
    CAPTURE(text);
    json::Document document;
    const Status ours = document.parse(text);
    if (ours == Status::too_big) continue;   // our own bounds
    const nlohmann::json theirs = nlohmann::json::parse(text, nullptr, false);
    const bool expected = !theirs.is_discarded() && !nlohmannHasDuplicates(text);
    // Overlarge exponents: nlohmann refuses what a double cannot hold, RFC 8259 does not.
    if (ours == Status::ok && theirs.is_discarded() && text.find_first_of("eE") != std::string::npos) continue;
    REQUIRE((ours == Status::ok) == expected);
    if (ours != Status::ok) continue;
    ++accepted;
    REQUIRE(convert(document.root(), theirs) == theirs);
  }
  CHECK(accepted > 20'000);
}

TEST_CASE("the writer escapes what must be and its text is read back") {
  char buffer[256];
  json::Writer writer(buffer, sizeof buffer);
  writer.beginObject().member("a\"b", "x\ny\\\x01\xC3\xA4").member("n", std::int64_t{-5});
  writer.name("l").beginArray().integer(1).boolean(false).string("z").endArray();
  writer.name("o").beginObject().endObject().endObject();
  REQUIRE(writer.ok());
  const auto read = nlohmann::json::parse(writer.view());
  CHECK(read["a\"b"] == "x\ny\\\x01\xC3\xA4");
  CHECK(read["n"] == -5);
  CHECK(read["l"].dump() == "[1,false,\"z\"]");
  CHECK(read["o"].empty());
  CHECK(parse(std::string(writer.view())) == Status::ok);
}

TEST_CASE("the writer remembers that it overflowed") {
  char buffer[8];
  json::Writer writer(buffer, sizeof buffer);
  writer.beginObject().member("name", "value").endObject();
  CHECK_FALSE(writer.ok());
  CHECK(writer.view().empty());
  json::Writer smallest(buffer, sizeof buffer);
  smallest.integer(INT64_MIN);
  CHECK_FALSE(smallest.ok());
}

// A secret of the config: the text itself, a file or an environment variable.
#include <fmt/format.h>

#include "proxy/config/forms.h"
#include "proxy/config/sections.h"

namespace sallyport::config {
namespace {

/// The reason why these bytes are no secret, or "".
std::string_view fault_of(std::string_view secret) {
  if (secret.empty()) return "is empty";
  if (secret.find_first_of("\r\n") != secret.npos) return "holds more than one line";
  if (secret.contains('\0')) return "holds a NUL";
  return "";
}

/// One secret that is being read.
class Reader {
 public:
  Reader(std::string_view noun, const Outside& outside, SecretSource& into)
      : noun_(noun), outside_(outside), into_(into) {}

  std::string expected() const {
    return fmt::format("text, {{ file = \"/path\" }} or {{ env = \"NAME\" }}, holding {}", noun_);
  }

  void from_text(const Section& section, std::string_view key, const std::string& text) {
    const std::string_view fault = fault_of(text);
    if (!fault.empty()) section.blame(key, fmt::format("{}; expected {}", fault, expected()));
    into_.text = Secret(text);
  }

  void from_file(const Section& section) {
    const auto form = path_form(fmt::format("the path of a file that holds {}", noun_),
                                section.problems().file());
    if (!section.read("file", into_.file, form)) return;
    Result<std::string> content = outside_.read_file(into_.file);
    if (!content) {
      section.blame("file", fmt::format("is {}, which cannot be read: {}; expected {}",
                                        quote(into_.file), content.error().text, form.expected));
      return;
    }
    if (content->ends_with('\n')) content->pop_back();
    if (content->ends_with('\r')) content->pop_back();
    take(section, "file", into_.file, *content);
  }

  void from_environment(const Section& section) {
    std::string name;
    const auto form =
        text_form(fmt::format("the name of an environment variable that holds {}", noun_));
    if (!section.read("env", name, form)) return;
    auto value = outside_.environment(name);
    if (!value) {
      section.blame(
          "env", fmt::format("is {}, which is not set; expected {}", quote(name), form.expected));
      return;
    }
    take(section, "env", name, *value);
  }

 private:
  /// Takes what a file or variable held, which `section`'s `key` names.
  void take(const Section& section, std::string_view key, const std::string& source,
            std::string& bytes) {
    const std::string_view fault = fault_of(bytes);
    if (!fault.empty()) {
      section.blame(key, fmt::format("is {}, which {}; expected one line with {}", quote(source),
                                     fault, noun_));
    }
    into_.text = Secret::consume(bytes);
  }

  const std::string_view noun_;
  const Outside& outside_;
  SecretSource& into_;
};

}  // namespace

bool read_secret(const Section& section, std::string_view key, std::string_view noun,
                 const Schema& schema, const Outside& outside, SecretSource& into) {
  const Node* node = section.find(key);
  if (!node) return false;
  Reader reader(noun, outside, into);
  if (const auto* text = std::get_if<std::string>(&node->value)) {
    reader.from_text(section, key, *text);
    return true;
  }
  if (!std::holds_alternative<Table>(node->value)) {
    section.blame(key, fmt::format("is {}; expected {}", describe_type(*node), reader.expected()));
    return true;
  }
  const auto source = section.table(key, schema);
  if (!source) return true;
  if (source->has("file") && source->has("env")) {
    section.blame(key, "has both file and env; expected one of the two");
  } else if (std::get<Table>(node->value).entries.empty()) {
    section.blame(key, fmt::format("is an empty table; expected {}", reader.expected()));
  } else {
    reader.from_file(*source);
    reader.from_environment(*source);
  }
  return true;
}

}  // namespace sallyport::config

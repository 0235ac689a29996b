// Writes JSON (RFC 8259) for commands and the admin pages. There is nothing here to read it.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport {

/// One JSON text, written front to back. The caller opens and closes objects and arrays in the
/// right order; commas and escapes are made here. Octets that are not UTF-8 become U+FFFD, so the
/// text is valid whatever the values hold.
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  /// The name of the next value, inside an object.
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool truth);
  template <std::integral T>
  JsonWriter& value(T number) {
    return literal(std::to_string(number));
  }
  JsonWriter& null() { return literal("null"); }
  /// A number that is written already, such as one with a fixed number of decimals.
  JsonWriter& literal(std::string_view text);

  /// `key` and `value`.
  template <class T>
  JsonWriter& member(std::string_view name, const T& content) {
    return key(name).value(content);
  }

  /// The text. The writer must not be used after.
  std::string finish() && { return std::move(text_); }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  void quote(std::string_view text);

  std::string text_;
  bool first_ = true;  // nothing stands before the next value in its object or array
  bool after_key_ = false;
};

}  // namespace sallyport

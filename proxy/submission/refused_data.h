// Is what comes behind a refused DATA a command, or the content of a client that did not wait?
#pragma once

#include <cstddef>
#include <string_view>

namespace sallyport::submission {

/// From a DATA or BDAT that was refused until a command shows that the client knows of it. Content
/// that is run as commands could say MAIL in the name of whoever is logged in. Pure.
class RefusedData {
 public:
  /// It was refused, and so many octets had come with it.
  void begin(std::size_t behind) {
    open_ = true;
    behind_ = behind;
  }
  /// A command that only a client says who knows of the refusal was taken.
  void end() { open_ = false; }
  /// May what comes be content?
  bool is_open() const { return open_; }

  /// Is this line, the next one, content?
  bool takes(std::string_view line);

 private:
  std::size_t behind_ = 0;  // octets that had come with the refused command, still to be read
  bool open_ = false;
};

}  // namespace sallyport::submission

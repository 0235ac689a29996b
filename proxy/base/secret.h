// A password or token that wipes itself and cannot be printed by accident.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace sallyport {

/// Owns secret bytes. They are overwritten when it dies, is moved from or assigned to; there is no
/// way to stream or format it: the only way out is `reveal()`, which is easy to grep for.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view bytes) : bytes_(bytes) {}
  /// Takes the bytes of `source` and wipes what it held.
  static Secret consume(std::string& source);

  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.wipe(); }
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  /// The bytes themselves; valid while this Secret lives and is not assigned to.
  std::string_view reveal() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

 private:
  void wipe();

  std::string bytes_;
};

/// Overwrites memory in a way the compiler may not leave out.
void wipe_memory(void* begin, std::size_t size);
/// Overwrites a string's whole buffer and empties it.
void wipe(std::string& text);

}  // namespace sallyport

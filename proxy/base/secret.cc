#include "proxy/base/secret.h"

#include <cstring>

namespace sallyport {

void wipe_memory(void* begin, std::size_t size) { explicit_bzero(begin, size); }

void wipe(std::string& text) {
  // The whole capacity: after a shorter value was assigned, octets of a longer one remain behind
  // it.
  text.resize(text.capacity());
  wipe_memory(text.data(), text.size());
  text.clear();
}

Secret Secret::consume(std::string& source) {
  Secret secret(source);
  sallyport::wipe(source);
  return secret;
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    bytes_ = other.bytes_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::move(other.bytes_);
    other.wipe();
  }
  return *this;
}

void Secret::wipe() { sallyport::wipe(bytes_); }

}  // namespace sallyport

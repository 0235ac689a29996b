#include "proxy/net/span_bio.h"

#include <algorithm>
#include <cstring>

namespace sallyport::net {
namespace {

Wire& wire_of(BIO* bio) { return *static_cast<Wire*>(BIO_get_data(bio)); }

int read_wire(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  std::string_view& in = wire_of(bio).in;
  if (in.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t count = std::min(in.size(), static_cast<std::size_t>(size));
  std::memcpy(into, in.data(), count);
  in.remove_prefix(count);
  return static_cast<int>(count);
}

int write_wire(BIO* bio, const char* from, int size) {
  Wire& wire = wire_of(bio);
  if (wire.out.empty() && wire.out.capacity() < static_cast<std::size_t>(size)) {
    wire.out = wire.loop.take_buffer();
  }
  wire.out.append(from, static_cast<std::size_t>(size));
  return size;
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO_METHOD* make_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
  BIO_meth_set_read(method, read_wire);
  BIO_meth_set_write(method, write_wire);
  BIO_meth_set_ctrl(method, control);
  return method;
}

}  // namespace

bssl::UniquePtr<BIO> make_bio(Wire& wire) {
  // A table of functions, not state: one for the process, never freed.
  static const BIO_METHOD* const method = make_method();
  bssl::UniquePtr<BIO> bio(BIO_new(method));
  BIO_set_data(bio.get(), &wire);
  BIO_set_init(bio.get(), 1);
  return bio;
}

}  // namespace sallyport::net

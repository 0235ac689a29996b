// Writing one message into a Maildir (https://cr.yp.to/proto/maildir.html). Blocks: for the thread
// pool.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sallyport::relay {

/// One message on its way from tmp/ to new/. Nobody sees it in new/ before it is whole and on disk;
/// what is not committed is deleted.
class MaildirFile {
 public:
  /// Makes the Maildir at `path` if it is missing, and a file in its tmp/. `hostname` is part of
  /// the name; `/`, `:` and controls in it are replaced.
  static Result<MaildirFile> create(const std::string& path, std::string_view hostname);
  MaildirFile(MaildirFile&& other) noexcept;
  MaildirFile& operator=(MaildirFile&&) = delete;
  ~MaildirFile();

  Result<void> write(std::span<const std::string_view> pieces);
  /// Flushes the file to disk, moves it to new/, flushes that folder.
  Result<void> commit();

  /// The unique name, the same in tmp/ and new/.
  const std::string& name() const { return name_; }

 private:
  MaildirFile(std::string path, std::string name, int descriptor);

  std::string path_;
  std::string name_;
  int descriptor_ = -1;
  bool committed_ = false;
};

}  // namespace sallyport::relay

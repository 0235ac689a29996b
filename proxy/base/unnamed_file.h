// Temporary files without a name. No other process can open them, and the kernel removes them when
// their descriptor is closed, even after a crash.
#pragma once

#include <string>

namespace sallyport {

/// Creates a file without a name in `directory`, for reading and writing. The caller owns the
/// descriptor. Returns -1 and sets errno on failure.
int create_unnamed_file(const std::string& directory);

}  // namespace sallyport

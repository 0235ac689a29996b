// Files that nobody else can open and that are gone with their descriptor.
#pragma once

#include <string>

namespace sallyport {

/// Makes a file without a name in `directory`, to be read and written by this process alone. The
/// descriptor is the caller's; -1, and errno says why: no file can be made there.
int create_unnamed_file(const std::string& directory);

}  // namespace sallyport

// Whether this build looks for stale views: memory kept for reuse would hide them.
#pragma once

namespace sallyport {

#if defined(__SANITIZE_ADDRESS__)
#define SALLYPORT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SALLYPORT_ADDRESS_SANITIZER 1
#endif
#endif

/// Built with AddressSanitizer: what is released goes to the heap at once, where it is watched.
#if defined(SALLYPORT_ADDRESS_SANITIZER)
inline constexpr bool kUnderAddressSanitizer = true;
#undef SALLYPORT_ADDRESS_SANITIZER
#else
inline constexpr bool kUnderAddressSanitizer = false;
#endif

}  // namespace sallyport

// The SMTP password that belongs to an AWS secret access key.
#pragma once

#include <string_view>

#include "proxy/base/secret.h"

namespace sallyport::config {

/// The password for Amazon SES in `region`, by the algorithm that AWS publishes ("Obtaining Amazon
/// SES SMTP credentials"): a chain of HMACs as in Signature Version 4, version 4.
Secret ses_smtp_password(std::string_view secret_access_key, std::string_view region);

}  // namespace sallyport::config

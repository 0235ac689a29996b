#include "proxy/smtp/capabilities.h"

#include <gtest/gtest.h>

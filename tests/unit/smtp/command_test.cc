#include "proxy/smtp/command.h"

#include <gtest/gtest.h>

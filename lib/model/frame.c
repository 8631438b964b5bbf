#include "model/frame.h"

bool frame_may_be_of_agent(struct slice frame)
{
    if (frame.len == 0)
        return false;
    switch (frame.p[0]) {
    case FRAME_LEADER:
    case FRAME_EXCHANGE:
    case FRAME_RENEW:
        return true;
    case FRAME_HINT: /* it may ask, not answer */
        return frame.len > 1 && frame.p[1] == '?';
    default:
        return false;
    }
}

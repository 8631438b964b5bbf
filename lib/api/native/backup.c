/* GET /api/backup: all that the cluster knows, as this node has it now, in one file. */
#include "api/native/private.h"
#include "base/mem.h"

void native_ask_backup(struct call *c)
{
    struct sandbox_request *r = NEW(struct sandbox_request);
    *r = (struct sandbox_request){
        .op = SANDBOX_BACKUP, .shape = SHAPE_NATIVE, .node = c->view->facts->node};
    c->reply->sandbox = r;
}

//! x
use rquickjs::{Ctx, Object, Result};
pub(crate) fn install<'js>(_ctx: &Ctx<'js>, _object: &Object<'js>) -> Result<()> {
    Ok(())
}

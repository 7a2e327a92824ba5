//! The parts of the web's pure functions (C11) that Rust does better: URLs and UTF-8.

use rquickjs::{Ctx, Exception, Function, Object, Result, TypedArray};
use url::{Url, form_urlencoded, quirks};

/// Gives the prelude `urlParse`, `urlParts`, `urlSet`, `formParse`, `formWrite`, `utf8Encode`, `utf8Decode`.
pub(crate) fn install<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<()> {
    object.set("urlParse", Function::new(ctx.clone(), url_parse)?)?;
    object.set("urlParts", Function::new(ctx.clone(), |href: String| url_parts(&href))?)?;
    object.set("urlSet", Function::new(ctx.clone(), url_set)?)?;
    object.set("formParse", Function::new(ctx.clone(), form_parse)?)?;
    object.set("formWrite", Function::new(ctx.clone(), form_write)?)?;
    object.set("utf8Encode", Function::new(ctx.clone(), utf8_encode)?)?;
    object.set("utf8Decode", Function::new(ctx.clone(), utf8_decode)?)
}

/// The normal form of `text`, or nothing if it is no URL.
fn url_parse(text: String, base: Option<String>) -> Option<String> {
    let base = base.map(|base| Url::parse(&base)).transpose().ok()?;
    Url::options().base_url(base.as_ref()).parse(&text).ok().map(String::from)
}

/// JSON of the parts by their names in the web's API.
fn url_parts(href: &str) -> Option<String> {
    let url = Url::parse(href).ok()?;
    let parts = serde_json::json!({
        "origin": quirks::origin(&url),
        "protocol": quirks::protocol(&url),
        "username": quirks::username(&url),
        "password": quirks::password(&url),
        "host": quirks::host(&url),
        "hostname": quirks::hostname(&url),
        "port": quirks::port(&url),
        "pathname": quirks::pathname(&url),
        "search": quirks::search(&url),
        "hash": quirks::hash(&url),
    });
    Some(parts.to_string())
}

/// The URL with one part changed; a value that does not fit changes nothing, as the web has it.
fn url_set(href: String, part: String, value: String) -> String {
    let Ok(mut url) = Url::parse(&href) else { return href };
    let _ = match part.as_str() {
        "protocol" => quirks::set_protocol(&mut url, &value),
        "username" => quirks::set_username(&mut url, &value),
        "password" => quirks::set_password(&mut url, &value),
        "host" => quirks::set_host(&mut url, &value),
        "hostname" => quirks::set_hostname(&mut url, &value),
        "port" => quirks::set_port(&mut url, &value),
        "pathname" => {
            quirks::set_pathname(&mut url, &value);
            Ok(())
        }
        "search" => {
            quirks::set_search(&mut url, &value);
            Ok(())
        }
        "hash" => {
            quirks::set_hash(&mut url, &value);
            Ok(())
        }
        _ => Ok(()),
    };
    url.into()
}

/// JSON of the pairs of a query.
fn form_parse(text: String) -> String {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    serde_json::json!(pairs).to_string()
}

fn form_write(ctx: Ctx<'_>, pairs: String) -> Result<String> {
    let pairs: Vec<(String, String)> = serde_json::from_str(&pairs)
        .map_err(|error| Exception::throw_type(&ctx, &format!("URLSearchParams: {error}")))?;
    Ok(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

fn utf8_encode(ctx: Ctx<'_>, text: String) -> Result<TypedArray<'_, u8>> {
    TypedArray::new(ctx, text.into_bytes())
}

/// The text of the bytes, which come as the characters U+0000 to U+00FF; nothing if `fatal` and they are
/// not UTF-8.
fn utf8_decode(bytes: String, fatal: bool) -> Option<String> {
    let bytes: Vec<u8> = bytes.chars().map(|c| c as u32 as u8).collect();
    match fatal {
        true => String::from_utf8(bytes).ok(),
        false => Some(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

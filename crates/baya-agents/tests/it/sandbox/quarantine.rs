//! What an agent in quarantine may touch.

use super::Place;
use baya_agents::sandbox::Profile;

#[test]
fn quarantine_reads_its_folder_and_no_secret_in_it_and_writes_nothing() {
    let place = Place::new();
    let sandbox = place.sandbox(Profile::Full).quarantined();
    for (path, reads) in [
        ("file", true),
        ("src/main.rs", true),
        (".env.example", true),
        ("keys/id_rsa.pub", true),
        ("src/environment.rs", true),
        ("credentials/mod.rs", true),
        (".env", false),
        ("deep/below/.env.production", false),
        (".ENV", false),
        (".npmrc", false),
        ("deploy/id_ed25519", false),
        ("certs/server.pem", false),
        ("certs/server.key", false),
        ("infra/terraform.tfstate", false),
        ("infra/prod.tfvars", false),
        (".aws/config", false),
        (".git/config", false),
        ("sub/.git/config", false),
        ("../outside", false),
    ] {
        assert_eq!(sandbox.may_read(path.as_ref()).is_ok(), reads, "{path}");
        assert!(sandbox.may_write(path.as_ref()).is_err(), "{path}");
    }
    let home = place.path("home");
    assert!(sandbox.may_read(&home.join(".cargo/registry")).is_err(), "nothing of the home");
    let plain = place.sandbox(Profile::Workspace);
    assert!(plain.may_read(".env".as_ref()).is_ok(), "others read what their folder holds");
}

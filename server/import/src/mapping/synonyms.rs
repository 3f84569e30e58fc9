//! Headers that name a field, in Chinese and English, as registers of the trade carry them. Of each
//! field the surest first: of two columns that fit, the one that fits earlier is taken.

use super::Field;

/// Synonyms stand between blanks; `_` stands for a blank within one, as in headers of databases.
pub const SYNONYMS: [(Field, &str); 9] = [
    (
        Field::Code,
        "统一社会信用代码 社会信用代码 统一信用代码 信用代码 统一社会信用代码/注册号 \
         统一社会信用代码或注册号 组织机构代码 注册号 营业执照号 营业执照编号 许可证编号 许可证号 \
         主体代码 代码 编码 credit_code unified_social_credit_code uscc license_number \
         licence_number license_no licence_no registration_number code",
    ),
    (
        Field::Name,
        "企业名称 单位名称 市场主体名称 主体名称 监管对象名称 检查对象名称 被检查单位 经营者名称 \
         商户名称 店铺名称 门店名称 机构名称 公司名称 字号名称 名称 单位 企业 监管对象 检查对象 \
         company_name business_name establishment_name name company establishment subject",
    ),
    (
        Field::Address,
        "经营地址 经营场所 生产经营地址 生产经营场所 实际经营地址 详细地址 单位地址 企业地址 地址 \
         住所 注册地址 住所/经营场所 住所(经营场所) address street_address premises location",
    ),
    (
        Field::LegalRepresentative,
        "法定代表人 法定代表人姓名 法定代表人/负责人 法定代表人(负责人) 法人代表 法人 负责人 \
         负责人姓名 主要负责人 经营者 经营者姓名 legal_representative representative \
         person_in_charge owner",
    ),
    (
        Field::Phone,
        "联系电话 电话 联系方式 手机 手机号 手机号码 电话号码 联系人电话 负责人电话 phone \
         telephone mobile phone_number tel",
    ),
    (
        Field::Category,
        "类别 监管类别 主体类别 对象类别 单位类别 主体业态 业态 行业 行业类别 所属行业 行业类型 \
         类型 单位类型 主体类型 经营类别 风险等级 风险级别 风险分级 信用等级 category \
         risk_category risk_class risk_level industry trade type establishment_type",
    ),
    (Field::Longitude, "经度 坐标经度 地理经度 x坐标 longitude lng lon long"),
    (Field::Latitude, "纬度 坐标纬度 地理纬度 y坐标 latitude lat"),
    (Field::Datum, "坐标系 坐标系统 坐标类型 坐标系类型 datum coordinate_system crs"),
];
